-- dump of reviews
SET NAMES utf8;
DROP TABLE IF EXISTS `reviews`;
CREATE TABLE `reviews` (
  `text` text
);
INSERT INTO `reviews` VALUES ('Great place'),('Awful rooms');
