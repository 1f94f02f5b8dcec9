"""what AWS Marketplace refuses."""
