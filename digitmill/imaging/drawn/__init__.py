"""Pictures for browsers and for paper: processes that open files of strangers, walled in, and pages drawn over."""
