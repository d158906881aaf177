--
-- PostgreSQL database dump
--

SET statement_timeout = 0;

COPY public.reviews (id, text) FROM stdin;
1	Great place
\.
