"""The container images of a release: asks their registries what the tags name, and tries what the images can do."""
