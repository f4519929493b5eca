"""The pure core: bill, facts, year-to-date, episode and the policy of the day in; breakdown and trace out."""
