export const data = {"reviews": [{"text": "Great place"}, {"text": "Awful rooms"}]};
