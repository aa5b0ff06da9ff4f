using System.Globalization;
using AuthIndex.Load;
using AuthIndex.Load.Upstreams;

// Measures AuthIndex side by side with distribution: servers on core 0, load on core 1, rounds in turn.
// Machines differ and are shared: the ratio is the figure, the rest orients.
var storage = "/dev/shm";
if (args is ["bare-loop", var folder])
{
    BareLoop.Run(folder);
    return 0;
}

if (args is [BareUpload.Command, .. var upload])
{
    await BareUpload.RunAsync(upload);
    return 0;
}

if (args is ["policy"])
{
    PolicyDecisions.Run();
    return 0;
}

if (args is ["portal"]) return await PortalPages.RunAsync() ? 0 : 1;

if (args is ["scale"])
{
    await Scale.RunAsync();
    return 0;
}

if (args is ["seed", var connectionFile, var repositories])
{
    await new RegistrySeed((await File.ReadAllTextAsync(connectionFile)).Trim()).AddAsync(0, int.Parse(repositories, CultureInfo.InvariantCulture));
    return 0;
}

if (args is ["--storage", var parent, ..]) (storage, args) = (Path.GetFullPath(parent), args[2..]);
if (args is ["replicas", .. var chosen])
{
    await ReplicasBenchmarks.RunAsync(storage, chosen);
    return 0;
}

if (args is ["profile", var name]) return await Profile.RunAsync(name, storage);

if (args is ["upstream"])
{
    await Servers.PinAsync(Environment.ProcessId, "1");
    await UpstreamPulls.RunAsync(storage);
    return 0;
}

string[] known = [.. ReadBenchmarks.Names, .. Push.All.Select(p => p.Name)];
if (args.FirstOrDefault(a => !known.Contains(a, StringComparer.Ordinal)) is { } unknown)
{
    await Console.Error.WriteLineAsync($"error: no benchmark {unknown}; known are policy, portal, upstream, replicas, scale, seed FILE COUNT, profile NAME, {string.Join(", ", known)}");
    return 2;
}

bool IsChosen(string benchmark) => args.Length == 0 || args.Contains(benchmark, StringComparer.Ordinal);
await Servers.PinAsync(Environment.ProcessId, "1");
Table.PrintHeader();
if (ReadBenchmarks.Names.Any(IsChosen)) await ReadBenchmarks.RunAsync(storage, IsChosen);
foreach (var push in Push.All.Where(p => IsChosen(p.Name))) await PushBenchmarks.RunAsync(push, storage);
return 0;
