"""What the jobs share. Uploaded beside the scripts as plain files; nothing here is installed."""
