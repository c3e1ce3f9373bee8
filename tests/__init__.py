"""Tests: each asserts behaviour against independent truth."""
