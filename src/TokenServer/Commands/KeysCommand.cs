using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>keys</c>: shows the signing keys.</summary>
internal static class KeysCommand
{
    public static Command Create(CommandLine line)
    {
        var json = new Option<bool>("--json") { Description = "Writes JSON." };
        var list = new Command("list", "Lists the signing keys, newest first; the first signs.") { json };
        list.SetAction(parsed =>
        {
            var keys = KeyDirectory.Load(line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section).KeysPath);
            if (parsed.GetValue(json))
            {
                CommandOutput.WriteJson(keys, static (writer, keys) =>
                {
                    writer.WriteStartArray();
                    foreach (var (path, key) in keys)
                    {
                        writer.WriteStartObject();
                        writer.WriteString("kid"u8, key.Id);
                        writer.WriteString("alg"u8, TokenProfile.Es256);
                        writer.WriteBoolean("signs"u8, key == keys[0].Key);
                        writer.WriteString("file"u8, path);
                        writer.WriteEndObject();
                    }

                    writer.WriteEndArray();
                });
                return 0;
            }

            foreach (var (path, key) in keys) Console.Out.WriteLine($"{key.Id}  {TokenProfile.Es256}  {(key == keys[0].Key ? "signs   " : "verifies")}  {path}");
            return 0;
        });
        return new Command("keys", "Looks after the signing keys.") { list };
    }
}
