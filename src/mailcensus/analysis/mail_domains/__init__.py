"""Where the mail of domains is: in which countries and systems, by whom, how redundant, how well protected."""
