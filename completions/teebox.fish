# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_teebox_global_optspecs
    string join \n help version list install= force relative
end

function __fish_teebox_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_teebox_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_teebox_using_subcommand
    set -l cmd (__fish_teebox_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c teebox -n "__fish_teebox_needs_command" -l install -d 'Make a symbolic link to this binary in DIR for each applet' -r -f -a "(__fish_complete_directories)"
complete -c teebox -n "__fish_teebox_needs_command" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_needs_command" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_needs_command" -l list -d 'Print the names of the applets, one a line'
complete -c teebox -n "__fish_teebox_needs_command" -l force -d 'Replace files in DIR that are not links to teebox'
complete -c teebox -n "__fish_teebox_needs_command" -l relative -d 'Make links that stay right when DIR and the binary move together'
complete -c teebox -n "__fish_teebox_needs_command" -f -a "rfifo" -d 'Relay through a FIFO whose writers or readers come and go'
complete -c teebox -n "__fish_teebox_needs_command" -f -a "rframe" -d 'Turn records into length-prefixed frames and back'
complete -c teebox -n "__fish_teebox_needs_command" -f -a "rmerge" -d 'Merge many inputs, and the output of commands, into one stream of whole records'
complete -c teebox -n "__fish_teebox_needs_command" -f -a "rpipesz" -d 'Show and set the size of pipe buffers'
complete -c teebox -n "__fish_teebox_needs_command" -f -a "rtee" -d 'Copy standard input to standard output and to every FILE'
complete -c teebox -n "__fish_teebox_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -s m -l mode -d 'Make it with exactly this mode, octal or as in u=rw,g+w from a=rw [default: 600]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l writers -d 'End when N writers have left' -r
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l until -d 'End at a line that equals LINE, and leave what follows in the FIFO' -r
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l match -d 'Pass on only lines that contain TEXT; may be given several times, and any will do' -r
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l timeout -d 'End, with status 124, when no byte has come for so long; with --write, no reader' -r
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l size -d 'The size of the FIFO\'s buffer, which it otherwise forgets when it is last closed' -r
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l max-record -d 'Judge a longer line by its first SIZE bytes; with --drop, drop it [default: 1M]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l reuse -d 'Use a FIFO that is there already, and leave it there'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l replace -d 'Take over a FIFO of your own that nobody reads, as a run that was killed leaves behind'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l keep -d 'Leave the FIFO there at the end, even if it was made here'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l once -d 'End when the first writer has left'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l invert -d 'Pass on only lines that contain none of them'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l write -d 'Relay standard input into the FIFO, line by line, over readers that come and go'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l create -d 'Make the FIFO if it isn\'t there, and remove it at the end'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l drop -d 'Never wait: drop lines that nobody takes, and say at the end how many'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l mark -d 'Say it in the stream, too, where lines were dropped'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rfifo" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and not __fish_seen_subcommand_from encode decode formats" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and not __fish_seen_subcommand_from encode decode formats" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and not __fish_seen_subcommand_from encode decode formats" -f -a "encode" -d 'Make a frame of every record of FILE, or of standard input'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and not __fish_seen_subcommand_from encode decode formats" -f -a "decode" -d 'Make a record of every frame of FILE, or of standard input'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and not __fish_seen_subcommand_from encode decode formats" -f -a "formats" -d 'List the presets with their grammar'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l chunk -d 'A record has SIZE bytes, the last one what is left' -r
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -s f -l format -d 'The format of the frames: a preset, or a SPEC as in rframe --help' -r -f -a "message\t'the default; SSH agents and SFTP have the layout'
u8\t'a bare length'
u16be\t'a bare length'
u16le\t'a bare length'
u32be\t'a bare length'
u32le\t'a bare length'
u64be\t'a bare length'
u64le\t'a bare length'
native-messaging\t'browser extensions'
erlang1\t'ports with {packet,1}'
erlang2\t'ports with {packet,2}'
erlang4\t'ports with {packet,4}'
dns\t'DNS over TCP'
kcat\t'what kcat -f \'%R%s\' prints'
varint\t'protobuf\'s delimited messages'
netstring\t'netstrings'
pkt-line\t'git; 0000, 0001 and 0002 are control packets'
syslog\t'RFC 6587 octet counting'
docker\t'attach streams; the stream is the type'
postgres\t'PostgreSQL\'s protocol'
grpc\t'gRPC messages; the flag is the type'
lsp\t'language servers; other headers are ignored'"
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l type -d 'The type of the frames, 0 to 255 [default: 1]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l max -d 'The most bytes that a payload may have, or none, instead of the format\'s maximum' -r
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l lines -d 'A record is a line, without its newline (the default)'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -s 0 -l null -d 'A record ends with a NUL byte'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l whole -d 'All the input is one record'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l json -d 'A record is a line of JSON: {"type":1,"payload":"text"}, or payload_base64'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l skip-oversize -d 'Pass over a record that is too long for a frame, and say so; the exit status is 1'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l end -d 'Write the mark that ends the stream after the last record, where the format has one'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from encode" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l type-name -d 'Call type N so with --show [default: 1=INFO 2=PROGRESS 3=RESULT]; may be given several times' -r
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -s f -l format -d 'The format of the frames: a preset, or a SPEC as in rframe --help' -r -f -a "message\t'the default; SSH agents and SFTP have the layout'
u8\t'a bare length'
u16be\t'a bare length'
u16le\t'a bare length'
u32be\t'a bare length'
u32le\t'a bare length'
u64be\t'a bare length'
u64le\t'a bare length'
native-messaging\t'browser extensions'
erlang1\t'ports with {packet,1}'
erlang2\t'ports with {packet,2}'
erlang4\t'ports with {packet,4}'
dns\t'DNS over TCP'
kcat\t'what kcat -f \'%R%s\' prints'
varint\t'protobuf\'s delimited messages'
netstring\t'netstrings'
pkt-line\t'git; 0000, 0001 and 0002 are control packets'
syslog\t'RFC 6587 octet counting'
docker\t'attach streams; the stream is the type'
postgres\t'PostgreSQL\'s protocol'
grpc\t'gRPC messages; the flag is the type'
lsp\t'language servers; other headers are ignored'"
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l max -d 'The most bytes that a payload may have, or none, instead of the format\'s maximum' -r
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l lines -d 'Print each payload and a newline (the default)'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -s 0 -l null -d 'Print each payload and a NUL byte'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l raw -d 'Print each payload and nothing else'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l show -d 'Print each payload in a line, as [TYPE] payload, with control characters made visible'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l json -d 'Print each frame as a line of JSON'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l skip-oversize -d 'Pass over a frame that is over the maximum, and say so; the exit status is 1'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from decode" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from formats" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rframe; and __fish_seen_subcommand_from formats" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l run -d 'Merge the standard output of this shell command; may be given several times' -r -f -a "(__fish_complete_command)"
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l run-from -d 'Run the commands in FILE, or standard input if `-`, one a line' -r -F
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -s j -l jobs -d 'Run at most N commands at once [default: all; with --run-from one a processor]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l timeout -d 'End a command that runs longer: SIGTERM, and after --grace SIGKILL; 0 is no limit' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l grace -d 'How long to wait for what has been told to end, or outlives its command [default: 5]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l status -d 'The exit status: first (that failed, by the arguments), worst, any (0 if one succeeded), a LABEL [default: first]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l max-record -d 'Keep records of up to SIZE bytes together [default: 1M]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l long-record -d 'What to do with a longer one: hold the output for it, split it, or end its input [default: hold]' -r -f -a "hold\t'the output stays with its input until it ends'
split\t'it is split'
error\t'it ends its input'"
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l order -d 'Records as they arrive, or each input whole, in the order of the arguments [default: arrival]' -r -f -a "arrival\t'records as they arrive'
input\t'each input whole, in their order'"
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l memory -d 'With --order=input, keep at most SIZE bytes of what waits in memory [default: 64M]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l label -d 'Put the label in front of each record [default FORMAT: \'[{label}] \']' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l timestamp -d 'Put the time in front of each record, too [default FORMAT: \'%Y-%m-%d %H:%M:%S\']' -r
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l color -d 'Colour the labels: auto, always or never [default: auto]' -r -f -a "auto\t'on a terminal'
always\t'always'
never\t'never'"
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l stderr -d 'Merge the commands\' standard error too'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l fail-fast -d 'End the other commands at the first failure'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -s z -l null -d 'A record ends with a NUL byte, not with a newline'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l chunk -d 'Whatever arrives is a record'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l follow -d 'Keep FIFOs open over any number of writers'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l no-align -d 'Don\'t fill up labels to the same width'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l frames -d 'Write each record as a frame of its own'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rmerge" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s s -l set -d 'Set the size of pipes: bytes, K, M, G, KiB or KB, or max, the most you can have now' -r
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s f -l file -d 'The FIFO or pipe at PATH; may be repeated, as all of these may' -r -F
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s n -l fd -d 'The pipe at descriptor FD' -r
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s p -l pid -d 'Every pipe of process PID' -r
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l pgid -d 'Every pipe of the processes of group PGID, as a shell makes one for a pipeline' -r
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l interval -d 'The time between samples of --stall, as in 50ms or 0.5 [default: 10ms]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l count -d 'The number of samples of --stall [default: 100]' -r
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l write-size -d 'The size of --measure\'s writes; may be repeated' -r
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s g -l get -d 'Show the size of pipes, and the bytes in them that are unread'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l stall -d 'Watch pipes of running processes, and tell which stage holds the others up'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l limits -d 'Show the limits, and how much of them your pipes take'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l measure -d 'Show what a pipe takes before it blocks, and how fast pipes of each size are'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s i -l stdin -d 'The pipe at standard input; the default of --get'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s o -l stdout -d 'The pipe at standard output; the default of --set'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s e -l stderr -d 'The pipe at standard error'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s c -l check -d 'Stop at the first failure, of a pipe or process, with status 1 and without running COMMAND'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l strict -d 'Exit with status 1, without running COMMAND, if a pipe is smaller than was asked for'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s q -l quiet -d 'Say nothing of failures that are passed over'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s v -l verbose -d 'Show titles above tables; with --set, say what size was given'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -l json -d 'Show one JSON object a line'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s h -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rpipesz" -s V -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l output-error -d 'What to do about an error of an output; without MODE: warn-nopipe' -r -f -a "warn\t''
warn-nopipe\t''
exit\t''
exit-nopipe\t''"
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l help -d 'Show this help and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l version -d 'Show the version and exit'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -s a -l append -d 'Append to the FILEs instead of overwriting them'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -s i -l ignore-interrupts -d 'Ignore SIGINT, the interrupt signal of Ctrl-C'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -s p -d 'Go on when a reader leaves: --output-error=warn-nopipe'
complete -c teebox -n "__fish_teebox_using_subcommand rtee" -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rfifo rframe rmerge rpipesz rtee help" -f -a "rfifo" -d 'Relay through a FIFO whose writers or readers come and go'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rfifo rframe rmerge rpipesz rtee help" -f -a "rframe" -d 'Turn records into length-prefixed frames and back'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rfifo rframe rmerge rpipesz rtee help" -f -a "rmerge" -d 'Merge many inputs, and the output of commands, into one stream of whole records'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rfifo rframe rmerge rpipesz rtee help" -f -a "rpipesz" -d 'Show and set the size of pipe buffers'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rfifo rframe rmerge rpipesz rtee help" -f -a "rtee" -d 'Copy standard input to standard output and to every FILE'
complete -c teebox -n "__fish_teebox_using_subcommand help; and not __fish_seen_subcommand_from rfifo rframe rmerge rpipesz rtee help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c teebox -n "__fish_teebox_using_subcommand help; and __fish_seen_subcommand_from rframe" -f -a "encode" -d 'Make a frame of every record of FILE, or of standard input'
complete -c teebox -n "__fish_teebox_using_subcommand help; and __fish_seen_subcommand_from rframe" -f -a "decode" -d 'Make a record of every frame of FILE, or of standard input'
complete -c teebox -n "__fish_teebox_using_subcommand help; and __fish_seen_subcommand_from rframe" -f -a "formats" -d 'List the presets with their grammar'
