"""What people make of rows: corrections, who reviews what, samples to check, answers to train with."""
