-- Since when a credential opens nothing, until its owner says otherwise: API keys can be switched off and on.
ALTER TABLE credential ADD COLUMN disabled_us INTEGER;
