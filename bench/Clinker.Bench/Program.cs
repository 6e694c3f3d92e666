using Clinker.Bench;

string? output = null;
var (kind, scale, only) = ("embedded", Scale.Full, "");
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "embedded" or "gluster" or "outage": kind = args[i]; break;
        case "--quick": scale = Scale.Quick; break;
        case "--out" when i + 1 < args.Length: output = args[++i]; break;
        case "--only" when i + 1 < args.Length: only = args[++i]; break;
        default:
            Console.Error.WriteLine("bench/run [embedded|gluster|outage] [--quick] [--only PART,…] [--out FILE.tsv] [--as-is]\nParts: sizes idle writes shows starts lists copies instants images tokens");
            return 2;
    }
}
return await new Bench(kind, scale, only).Run(output);
