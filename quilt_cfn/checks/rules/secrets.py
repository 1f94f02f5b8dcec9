"""where secrets and free texts flow."""
