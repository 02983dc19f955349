"""Form pages: the template that says where the fields are, finding it on a scan, and cutting its boxes out."""
