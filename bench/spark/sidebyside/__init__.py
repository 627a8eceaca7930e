"""The same job on Spark and on Tailor, side by side: measured in turn, compared point by point."""
