"""The transformer, its stacked evaluation, and the device it runs on."""
