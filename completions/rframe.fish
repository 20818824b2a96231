# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_rframe_global_optspecs
    string join \n help version
end

function __fish_rframe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_rframe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_rframe_using_subcommand
    set -l cmd (__fish_rframe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c rframe -n "__fish_rframe_needs_command" -l help -d 'Show this help and exit'
complete -c rframe -n "__fish_rframe_needs_command" -l version -d 'Show the version and exit'
complete -c rframe -n "__fish_rframe_needs_command" -f -a "encode" -d 'Make a frame of every record of FILE, or of standard input'
complete -c rframe -n "__fish_rframe_needs_command" -f -a "decode" -d 'Make a record of every frame of FILE, or of standard input'
complete -c rframe -n "__fish_rframe_needs_command" -f -a "formats" -d 'List the presets with their grammar'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l chunk -d 'A record has SIZE bytes, the last one what is left' -r
complete -c rframe -n "__fish_rframe_using_subcommand encode" -s f -l format -d 'The format of the frames: a preset, or a SPEC as in rframe --help' -r -f -a "message\t'the default; SSH agents and SFTP have the layout'
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
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l type -d 'The type of the frames, 0 to 255 [default: 1]' -r
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l max -d 'The most bytes that a payload may have, or none, instead of the format\'s maximum' -r
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l lines -d 'A record is a line, without its newline (the default)'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -s 0 -l null -d 'A record ends with a NUL byte'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l whole -d 'All the input is one record'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l json -d 'A record is a line of JSON: {"type":1,"payload":"text"}, or payload_base64'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l skip-oversize -d 'Pass over a record that is too long for a frame, and say so; the exit status is 1'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l end -d 'Write the mark that ends the stream after the last record, where the format has one'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l help -d 'Show this help and exit'
complete -c rframe -n "__fish_rframe_using_subcommand encode" -l version -d 'Show the version and exit'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l type-name -d 'Call type N so with --show [default: 1=INFO 2=PROGRESS 3=RESULT]; may be given several times' -r
complete -c rframe -n "__fish_rframe_using_subcommand decode" -s f -l format -d 'The format of the frames: a preset, or a SPEC as in rframe --help' -r -f -a "message\t'the default; SSH agents and SFTP have the layout'
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
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l max -d 'The most bytes that a payload may have, or none, instead of the format\'s maximum' -r
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l lines -d 'Print each payload and a newline (the default)'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -s 0 -l null -d 'Print each payload and a NUL byte'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l raw -d 'Print each payload and nothing else'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l show -d 'Print each payload in a line, as [TYPE] payload, with control characters made visible'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l json -d 'Print each frame as a line of JSON'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l skip-oversize -d 'Pass over a frame that is over the maximum, and say so; the exit status is 1'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l progress -d 'Show on standard error, if it is a terminal, how much has gone through'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l help -d 'Show this help and exit'
complete -c rframe -n "__fish_rframe_using_subcommand decode" -l version -d 'Show the version and exit'
complete -c rframe -n "__fish_rframe_using_subcommand formats" -l help -d 'Show this help and exit'
complete -c rframe -n "__fish_rframe_using_subcommand formats" -l version -d 'Show the version and exit'
