"""What would still mean something with no internet and no web server: records, their files, the store."""
