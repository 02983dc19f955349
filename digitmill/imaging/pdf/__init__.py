"""PDFs: their pages as grey pictures by PDFium, their own fields, and pictures written as one."""
