"""Operations, correlation ids, traces and redaction."""
