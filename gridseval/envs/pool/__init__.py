"""Environments in processes of their own.

Import what you need from the modules: a worker must not load what only the pool needs.
"""
