"""Looking at a cohort: a picture of each case, and the page that ranks what is unusual."""
