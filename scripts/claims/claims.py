"""claims: all claims, in the order of the page.

An entry has what the article says, what the literature says, the tests that answer it and what the answer holds for.
Claimed numbers are in these tables, measured numbers in the CSVs. A comment describes in words what was found, and how
tests were changed after a look at the results.
"""

import claims_norms
import claims_placement
import claims_trained

CLAIMS = claims_placement.CLAIMS + claims_norms.CLAIMS + claims_trained.CLAIMS
