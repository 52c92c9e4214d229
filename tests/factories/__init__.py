"""Rows for tests, one module for each room. Personas are those of the sandbox: Anna, Bruno, Carla, David and Dora."""
