"""The posterior's choice between ridge and dMMSE_M: loss against complexity, and what it says of when runs turn."""
