-- Where a refresh token was given: what a logout left behind is found by it. Unknown for those of before.
ALTER TABLE grants ADD COLUMN given_from TEXT;
