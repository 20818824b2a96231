complete -c rmerge -l run -d 'Merge the standard output of this shell command; may be given several times' -r -f -a "(__fish_complete_command)"
complete -c rmerge -l run-from -d 'Run the commands in FILE, or standard input if `-`, one a line' -r -F
complete -c rmerge -s j -l jobs -d 'Run at most N commands at once [default: all; with --run-from one a processor]' -r
complete -c rmerge -l timeout -d 'End a command that runs longer: SIGTERM, and after --grace SIGKILL; 0 is no limit' -r
complete -c rmerge -l grace -d 'How long to wait for what has been told to end, or outlives its command [default: 5]' -r
complete -c rmerge -l status -d 'The exit status: first (that failed, by the arguments), worst, any (0 if one succeeded), a LABEL [default: first]' -r
complete -c rmerge -l max-record -d 'Keep records of up to SIZE bytes together [default: 1M]' -r
complete -c rmerge -l long-record -d 'What to do with a longer one: hold the output for it, split it, or end its input [default: hold]' -r -f -a "hold\t'the output stays with its input until it ends'
split\t'it is split'
error\t'it ends its input'"
complete -c rmerge -l order -d 'Records as they arrive, or each input whole, in the order of the arguments [default: arrival]' -r -f -a "arrival\t'records as they arrive'
input\t'each input whole, in their order'"
complete -c rmerge -l memory -d 'With --order=input, keep at most SIZE bytes of what waits in memory [default: 64M]' -r
complete -c rmerge -l label -d 'Put the label in front of each record [default FORMAT: \'[{label}] \']' -r
complete -c rmerge -l timestamp -d 'Put the time in front of each record, too [default FORMAT: \'%Y-%m-%d %H:%M:%S\']' -r
complete -c rmerge -l color -d 'Colour the labels: auto, always or never [default: auto]' -r -f -a "auto\t'on a terminal'
always\t'always'
never\t'never'"
complete -c rmerge -l stderr -d 'Merge the commands\' standard error too'
complete -c rmerge -l fail-fast -d 'End the other commands at the first failure'
complete -c rmerge -s z -l null -d 'A record ends with a NUL byte, not with a newline'
complete -c rmerge -l chunk -d 'Whatever arrives is a record'
complete -c rmerge -l follow -d 'Keep FIFOs open over any number of writers'
complete -c rmerge -l no-align -d 'Don\'t fill up labels to the same width'
complete -c rmerge -l frames -d 'Write each record as a frame of its own'
complete -c rmerge -l help -d 'Show this help and exit'
complete -c rmerge -l version -d 'Show the version and exit'
