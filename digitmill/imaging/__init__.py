"""Pictures: files into grey pictures, crops into what a model reads, and pictures for people."""
