"""What the parts of a trained model do."""
