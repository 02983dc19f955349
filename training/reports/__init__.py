"""What a run gave, for people: figures, pictures, the model card."""
