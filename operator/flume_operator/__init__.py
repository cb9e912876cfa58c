"""The Kubernetes operator: turns Pipeline resources into worker Deployments and settings."""
