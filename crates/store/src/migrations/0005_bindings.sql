-- Where else a property lives: a list, as ["blynk:V1"].
ALTER TABLE property ADD COLUMN bindings TEXT;
