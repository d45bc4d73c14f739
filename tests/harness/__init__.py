"""What the end-to-end tests share: the real command line, and judges that are not ours."""
