"""Tables that compare the variants of a preset."""
