"""claims: all claims, in the order of the page: the article's, then those of others and our own.

An entry has the claim in plain English, what the literature says, the primary test that answers it, further rows, and
what the answer holds for. Claimed numbers are in these tables, measured numbers in the CSVs.
"""

import claims_embedding
import claims_norms
import claims_own
import claims_placement
import claims_precision
import claims_trained

MODULES = [claims_placement, claims_norms, claims_trained, claims_own, claims_precision, claims_embedding]
CLAIMS = [claim for module in MODULES for claim in module.CLAIMS]
