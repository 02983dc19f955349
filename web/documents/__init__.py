"""What callers send and what they are answered, as strict models and JSON documents; the OpenAPI document of them."""
