"""MGUIT (Jeong et al., 2021)."""
