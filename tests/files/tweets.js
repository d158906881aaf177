window.YTD.tweets.part0 = [
  {"tweet" : {"id_str" : "1581797315601346561", "full_text" : "Great place"}},
  {"tweet" : {"id_str" : "2", "full_text" : "Awful rooms"}}
];
