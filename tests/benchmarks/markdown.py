"""Tables as documents show them."""

import numpy as np
import pandas as pd


def markdown(table: pd.DataFrame) -> str:
    lines = [table.columns, np.repeat("---", table.shape[1]), *table.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
