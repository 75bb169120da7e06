"""What contributors and CI run; not shipped."""
