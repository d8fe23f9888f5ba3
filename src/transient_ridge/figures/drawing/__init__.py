"""What all figures share: style, panels, files."""
