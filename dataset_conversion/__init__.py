"""Data sets as people have them on disk, converted into raw folders; one data set a file."""
