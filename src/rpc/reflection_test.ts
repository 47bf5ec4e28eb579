import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMethodBiDiStreaming,
  fromBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { Client, credentials } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { serveReflection } from "./reflection.ts";
import { startTestServer } from "./server_test_support.ts";
import { type AnyMessage, methodDefinition } from "./wire.ts";

type Question = Parameters<typeof create<typeof ServerReflectionRequestSchema>>[1];

const VERSIONS = {
  v1: ServerReflection.method.serverReflectionInfo,
  v1alpha: ServerReflectionAlpha.method.serverReflectionInfo,
} as const;

/** Asks one question after the other on one stream; resolves to the answers. */
async function ask(
  method: DescMethodBiDiStreaming,
  questions: readonly NonNullable<Question>[],
): Promise<ServerReflectionResponse["messageResponse"][]> {
  await using server = await startTestServer((each) => {
    serveReflection(each, [MasterService, Health]);
  });
  const client = new Client(server.address, credentials.createInsecure());
  const definition = methodDefinition(method);
  const stream = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
  );
  const answers: ServerReflectionResponse["messageResponse"][] = [];
  const ended = new Promise((resolve, reject) => {
    stream.on("end", resolve);
    stream.on("error", reject);
  });
  stream.on("data", (answer: unknown) => {
    answers.push((answer as ServerReflectionResponse).messageResponse);
  });
  for (const question of questions) {
    stream.write(create(method.input, question) as AnyMessage);
  }
  stream.end();
  await ended;
  client.close();
  return answers;
}

function filesOf(answer: ServerReflectionResponse["messageResponse"]): FileDescriptorProto[] {
  assert.equal(answer.case, "fileDescriptorResponse");
  return answer.value.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes)
  );
}

/** Every name that a descriptor file defines and a caller may ask for. */
function symbolsOf(file: DescFile): string[] {
  const symbols: string[] = [];
  for (const service of file.services) {
    symbols.push(service.typeName, ...service.methods.map((m) => `${service.typeName}.${m.name}`));
  }
  const visit = (messages: DescFile["messages"]) => {
    for (const message of messages) {
      symbols.push(message.typeName, ...message.nestedEnums.map((each) => each.typeName));
      symbols.push(...message.fields.map((field) => `${message.typeName}.${field.name}`));
      visit(message.nestedMessages);
    }
  };
  visit(file.messages);
  symbols.push(...file.enums.map((each) => each.typeName));
  return symbols;
}

for (const [version, method] of Object.entries(VERSIONS)) {
  Deno.test(`reflection ${version} lists the services and itself`, async () => {
    const [answer] = await ask(method, [{ messageRequest: { case: "listServices", value: "" } }]);
    assert.equal(answer?.case, "listServicesResponse");
    assert.deepEqual(answer.value.service.map((each) => each.name), [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "proto.MasterService",
    ]);
  });

  Deno.test(`reflection ${version} finds every symbol of our services`, async () => {
    const symbols = [...symbolsOf(MasterService.file), ...symbolsOf(Health.file)];
    assert.ok(symbols.includes("proto.MasterService.SubmitJob"));
    const answers = await ask(
      method,
      symbols.map((value) => ({ messageRequest: { case: "fileContainingSymbol", value } })),
    );
    const found = answers.map((answer) => filesOf(answer).map((file) => file.name));
    assert.equal(found.length, symbols.length);
    for (const [position, symbol] of symbols.entries()) {
      const expected = symbol.startsWith("proto.") ? MasterService.file : Health.file;
      assert.equal(found[position]?.[0], expected.proto.name, symbol);
    }
  });
}

Deno.test("from the answer alone a caller can rebuild the service with all its types", async () => {
  const [answer] = await ask(VERSIONS.v1, [{
    messageRequest: { case: "fileContainingSymbol", value: "proto.MasterService" },
  }]);
  const file = filesOf(answer!);
  // A registry wants dependencies before those who need them.
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.reverse() }));
  const service = registry.getService("proto.MasterService");
  assert.deepEqual(
    service?.methods.map((each) => each.name),
    MasterService.methods.map((each) => each.name),
  );
  const job = registry.getMessage("proto.Job");
  assert.equal(job?.fields.find((each) => each.name === "fencing_token")?.number, 15);
});

Deno.test("a file is found by its name, and what is unknown is NOT_FOUND", async () => {
  const answers = await ask(VERSIONS.v1, [
    { messageRequest: { case: "fileByFilename", value: "google/protobuf/timestamp.proto" } },
    { messageRequest: { case: "fileByFilename", value: "nobody.proto" } },
    { messageRequest: { case: "fileContainingSymbol", value: "proto.Nobody" } },
    { messageRequest: { case: "allExtensionNumbersOfType", value: "proto.Job" } },
    { messageRequest: { case: undefined } },
  ]);
  assert.equal(filesOf(answers[0]!)[0]?.package, "google.protobuf");
  const codes = answers.slice(1).map((each) =>
    each.case === "errorResponse" ? each.value.errorCode : each.case
  );
  assert.deepEqual(codes, [5, 5, "allExtensionNumbersResponse", 3]);
});
