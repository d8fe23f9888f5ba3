"""The posterior's choice between ridge and dMMSE_M by loss and complexity, and when it predicts that runs turn."""
