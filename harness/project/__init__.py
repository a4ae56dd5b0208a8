"""What a project has: configs/, workloads/, submissions/, and how they are read."""
