"""The posterior's choice between ridge and dMMSE_M by loss and complexity, and its forecast of when runs turn."""
