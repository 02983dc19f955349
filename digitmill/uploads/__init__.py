"""Untrusted upload bytes into a spooled file and a plan of entries, and an entry back into image bytes.

spool.py          the bodies of one upload, one after the other, in one temporary file
zip_end.py        where a zip's directory lies
zip_directory.py  the members that the directory lists, as a stream
zip_names.py      the code page of names of which a zip does not say it
name_costs.py     what names cost to write down in many languages, by which it is told
code_pages.py     the code pages that a caller may say
tar.py            the members of a tar, as a stream
unpacking.py      archives that are compressed, or within others, unpacked behind the upload
names.py          what a file's name says: litter, archives
entries.py        the images of one file: itself, its pages, or its members
namesakes.py      images of the same name in several archives
plan.py           the chunks of entries that workers will read
codec.py          entries as a few bytes for the job store
ranges.py         the parts of the blob that hold a chunk's entries
members.py        one entry's image bytes
"""
