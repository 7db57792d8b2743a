"""Operations, correlation ids, traces and logs."""
