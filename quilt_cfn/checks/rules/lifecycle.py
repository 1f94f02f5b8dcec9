"""what creation, failure, retry and deletion leave behind."""
