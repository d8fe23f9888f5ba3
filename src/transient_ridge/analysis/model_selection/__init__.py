"""The posterior's choice between ridge and dMMSE_M: loss against complexity, and its forecast of when runs turn."""
