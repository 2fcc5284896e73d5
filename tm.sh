ht(){ cap $1 > /tmp/st/cap.txt; head -${2:-2} /tmp/st/cap.txt; echo ...; tail -${3:-3} /tmp/st/cap.txt; }
