"""Environments in separate processes.

Import what you need from the modules: a worker must not load what only the pool needs.
"""
